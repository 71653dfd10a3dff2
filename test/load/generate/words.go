package main

// The words that the catalogue is made of. 31 departments of 8 sections each
// are the 248 categories.
var (
	departments = []string{
		"Kitchen", "Garden", "Office", "Bathroom", "Bedroom", "Nursery", "Workshop", "Camping", "Cycling", "Running",
		"Fishing", "Sailing", "Hiking", "Climbing", "Swimming", "Football", "Tennis", "Golf", "Yoga", "Painting",
		"Knitting", "Baking", "Coffee", "Photography", "Music", "Gaming", "Computer", "Travel", "Pet", "Car", "School",
	}
	sections = []string{
		"Accessories", "Tools", "Storage", "Spare Parts", "Gifts", "Cleaning", "Lighting", "Starter Sets",
	}
	brands = []string{
		"Astrolabe", "Bonnevie", "Calder & Rowe", "Driftwell", "Eastmark", "Fennimore", "Gullwing", "Harbourline",
		"Inkstone", "Juniper Lane", "Kestrelworks", "Lumenar", "Meridian Co.", "Northgate", "Ostrava", "Pellucid",
		"Quillon", "Rosewater", "Saltmarsh", "Tidewater", "Umbra Vale", "Verdure", "Westerly", "Yarrow", "Zephyrine",
	}
	adjectives = []string{
		"Adjustable", "Anti-Slip", "Breathable", "Collapsible", "Compact", "Cordless", "Double-Walled", "Durable",
		"Ergonomic", "Extra Large", "Foldable", "Handmade", "Heavy-Duty", "Insulated", "Lightweight", "Magnetic",
		"Multi-Purpose", "Portable", "Premium", "Professional", "Rechargeable", "Reusable", "Rustproof", "Stackable",
		"Universal", "Vintage", "Washable", "Waterproof", "Weatherproof", "Wireless",
	}
	nouns = []string{
		"Apron", "Backpack", "Basket", "Bottle", "Bracket", "Brush Set", "Carrier", "Charger", "Clamp", "Container",
		"Cover", "Cushion", "Desk Lamp", "Duffel Bag", "Fan", "Gloves", "Holder", "Hook Set", "Jar Set", "Kettle",
		"Lantern", "Mat", "Mug", "Notebook", "Organizer", "Phone Stand", "Pillow", "Rack", "Scale", "Scissors",
		"Shelf", "Stool", "Storage Box", "Suitcase", "Tape Measure", "Thermometer", "Timer", "Towel", "Tray", "Tripod",
		"Umbrella", "Wall Clock", "Water Filter", "Whistle", "Window Cleaner", "Wrench",
	}
	features = []string{
		"Stainless Steel Handle", "Silicone Grip", "Carrying Case", "Two Year Warranty", "USB-C Cable", "Quick Release",
		"Extra Pockets", "Soft Lining", "Shoulder Strap", "Safety Lock", "Memory Foam", "Non-Stick Coating",
		"Removable Lid", "LED Display", "Remote Control", "Bamboo Base", "Reinforced Corners", "Spare Batteries",
		"Adjustable Height", "Instruction Booklet", "Reflective Stripes", "Quiet Motor", "Drain Holes", "Gift Box",
	}
	colours = []string{
		"Black", "White", "Navy Blue", "Forest Green", "Grey", "Rose", "Sand", "Teal", "Crimson", "Mustard", "Ivory", "Walnut",
	}
	sizes = []string{"6", "8", "10.5", "12", "14", "20", "24", "28", "32", "48"}
)
